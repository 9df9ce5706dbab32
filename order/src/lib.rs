//! The language of the business: values, commands, events, decide, evolve.
