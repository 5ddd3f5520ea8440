//! Hosts on sockets of the loopback, in time that passes when a test says so.

mod bounds;
mod dtls_hosts;
mod flushing;
mod hosts;
mod lossy;
mod pair;
mod plain;
mod statistics;
