//! Runs programs for Linux on 64-bit ARM on this machine, by QEMU.
//!
//! A user namespace can have its own list of program formats (binfmt_misc, since Linux 6.7). There the kernel starts such
//! programs by QEMU for everything that starts them: xtask, a test, Godot, `unshare`. The system's list stays as it is,
//! and no root is needed.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{self, SLOWDOWN_VARIABLE};

/// By what an emulated program's time limits are multiplied.
const SLOWDOWN: u32 = 10;

/// Adds a program format, and replaces itself with the program that is named after it.
const SET_UP: &str = r#"mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&
printf %s "$1" >/proc/sys/fs/binfmt_misc/register || exit 1
shift
exec "$@""#;

/// How ELF files for little-endian 64-bit ARM begin, programs and libraries, and which of these bits count.
const MAGIC: &str = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00";
const MASK: &str =
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff";

const LIMIT: Duration = Duration::from_secs(60);

/// Whether this process was started by [`enter`].
pub(crate) fn is_entered() -> bool {
    std::env::var_os(SLOWDOWN_VARIABLE).is_some()
}

/// Runs this program again with the same arguments, where programs for 64-bit ARM run by `qemu`, with the loader and the
/// libraries of `tree`.
///
/// # Errors
/// When this system does not allow it.
pub(crate) fn enter(qemu: &Path, tree: &Path) -> Result<ExitCode> {
    let format = format(qemu)?;
    let tried = process::run(command(&format, "true".as_ref()), LIMIT)?;
    ensure!(
        tried.succeeded(),
        "programs for 64-bit ARM cannot be run here; it needs Linux 6.7 or newer with binfmt_misc, user namespaces that \
         users may make (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), and \
         `unshare` and `mount` of util-linux:\n{}",
        tried.tail()
    );
    let own = std::env::current_exe().context("this program does not know its own path")?;
    let mut command = command(&format, own.as_os_str());
    command.args(std::env::args_os().skip(1));
    command.env("QEMU_LD_PREFIX", tree);
    command.env(SLOWDOWN_VARIABLE, SLOWDOWN.to_string());
    process::become_program(command)
}

/// A call of a program in a namespace with one more program format.
fn command(format: &str, program: &OsStr) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount"]);
    command.args(["--propagation", "private", "sh", "-c", SET_UP, "sh", format]);
    command.arg(program);
    command
}

/// The format as the kernel reads it (its documentation: admin-guide/binfmt-misc). With the flags, a program sees the
/// name that it was called by (`P`), and QEMU is opened now (`F`), so that it is found in every other root.
fn format(qemu: &Path) -> Result<String> {
    let qemu = qemu.to_str().filter(|path| !path.contains(':'));
    let qemu = qemu.context("the cache folder's name is not UTF-8 or has a colon")?;
    Ok(format!(":qemu-aarch64:M::{MAGIC}:{MASK}:{qemu}:PF"))
}
