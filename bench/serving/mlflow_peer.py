# Saves a LightGBM model text as an MLflow pyfunc model: `mlflow_peer.py <model.txt> <folder>`. Served by `mlflow models serve`.
import sys

import lightgbm
import mlflow.pyfunc


class Trees(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.booster = lightgbm.Booster(model_file=context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        return self.booster.predict(model_input, num_threads=1)


if __name__ == "__main__":
    text, folder = sys.argv[1:]
    mlflow.pyfunc.save_model(folder, python_model=Trees(), artifacts={"model": text}, pip_requirements=["lightgbm"])
