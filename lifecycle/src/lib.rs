//! A supervisor for long-running services.
