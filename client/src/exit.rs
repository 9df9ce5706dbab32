//! The exit codes of the process.

/// The command line is wrong.
pub const USAGE: u8 = 64;
/// The service refused the request, the input is not usable, or two things differ.
pub const REFUSED: u8 = 65;
/// The service, or something that it needs, cannot be reached.
pub const UNAVAILABLE: u8 = 69;
/// A defect.
pub const DEFECT: u8 = 70;
/// A file or a store cannot be read or written.
pub const STORAGE: u8 = 74;
/// The same again may succeed later.
pub const TEMPORARY: u8 = 75;
/// The configuration is not valid.
pub const CONFIGURATION: u8 = 78;

/// The codes above, for `--help`.
pub const CODES: &str = "\
Exit codes: 0   done
            64  the command line is wrong
            65  refused by the service, unusable input, or a difference
            69  the service, or something that it needs, cannot be reached
            70  the service failed
            74  a file or a store cannot be read or written
            75  not possible now; repeat it later
            78  the configuration is wrong
`healthcheck` has the exit codes of grpc-health-probe.";
