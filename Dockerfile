# One image for worker, API, set-up and MLflow: which one it is, the command says. For docker-compose.yml.
FROM node:20.20-bookworm-slim

# libgomp1: LightGBM's OpenMP runtime.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libgomp1 python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

# Pinned and hashed wheels: MLflow, LightGBM's library, DuckDB's extensions.
COPY adapters/python/requirements.txt /opt/requirements.txt
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /opt/requirements.txt

WORKDIR /opt/perennial
COPY package.json package-lock.json .npmrc ./
RUN npm install --omit=dev && npm cache clean --force
COPY . .

ENV NODE_ENV=production \
    PERENNIAL_VENV=/opt/venv \
    PERENNIAL_HOME=/var/lib/perennial
RUN mkdir --parents /var/lib/perennial && chown node:node /var/lib/perennial
VOLUME /var/lib/perennial
USER node

CMD ["node", "--import", "tsx", "workers/main.ts", "--env", "dev"]
