//! Folds commits into read models.
