//! Why a hook failed: for now or for good, and with which exit code.

use std::{error::Error as StdError, fmt};

/// Why a component could not do what it was asked to.
///
/// Any error converts with `?`, those of `anyhow` and `eyre` and plain text included, and is then
/// *transient*: a retry policy may try again. [`Error::permanent`] says that trying again is useless.
///
/// It is not a `std::error::Error` itself; if it were, `?` could not accept all of them.
pub struct Error {
    source: Box<dyn StdError + Send + Sync>,
    permanent: bool,
    exit_code: Option<u8>,
    next_step: Option<String>,
}

impl Error {
    /// A transient error, from an error or from a message.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            permanent: false,
            exit_code: None,
            next_step: None,
        }
    }

    /// An error which no retry will cure.
    pub fn permanent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            permanent: true,
            ..Self::new(source)
        }
    }

    /// The exit code of the process, should this error be what ends it.
    #[must_use]
    pub fn with_exit_code(mut self, code: u8) -> Self {
        self.exit_code = Some(code);
        self
    }

    /// What the operator should do about it, should this error be what ends the process:
    /// `stop the other process, or choose another port`.
    #[must_use]
    pub fn with_next_step(mut self, next_step: impl Into<String>) -> Self {
        self.next_step = Some(next_step.into());
        self
    }

    /// Whether trying again is useless.
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// The exit code chosen with [`Error::with_exit_code`].
    pub fn exit_code(&self) -> Option<u8> {
        self.exit_code
    }

    /// The advice given with [`Error::with_next_step`].
    pub fn next_step(&self) -> Option<&str> {
        self.next_step.as_deref()
    }

    /// The error underneath, for those who want to downcast it.
    pub fn source(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.source
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(source: E) -> Self {
        Self::new(source)
    }
}

/// The message followed by its causes, as in `bind 127.0.0.1:80: permission denied`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = self.source.to_string();
        f.write_str(&written)?;
        let mut cause = self.source.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many errors already print their cause; it should not be printed twice.
            if !written.contains(&text) {
                write!(f, ": {text}")?;
                written.push_str(&text);
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.permanent {
            "permanent"
        } else {
            "transient"
        };
        write!(f, "{kind} error: {self}")
    }
}
