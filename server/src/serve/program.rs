//! Which build of the program this is.

use std::time::UNIX_EPOCH;

/// The version, and the size and time of the executable: another one may be able to fold what this
/// one could not, and tries once.
pub(super) fn build() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let metadata = std::env::current_exe().and_then(std::fs::metadata);
    let built = metadata.map(|metadata| {
        let since = metadata.modified().ok();
        let since = since.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        (metadata.len(), since.unwrap_or_default().as_secs())
    });
    match built {
        Ok((bytes, seconds)) => format!("{version}-{bytes}-{seconds}"),
        Err(_unknown) => version.to_owned(),
    }
}
