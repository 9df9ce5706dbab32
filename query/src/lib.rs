//! The read side: query, history and report services.
