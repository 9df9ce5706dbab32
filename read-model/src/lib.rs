//! The only place that knows sled: generations, batches, readers.
