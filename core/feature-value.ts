// One value of a feature as stores and servers pass it: numbers for numeric features, text for categories, null for missing.

export type FeatureValue = number | string | null;
