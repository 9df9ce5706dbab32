//! The wire and the stored bytes: generated code and codecs.
