//! Compiles the counters for OpenSSL's coverage; see coverage.c.

fn main() {
    println!("cargo::rerun-if-changed=coverage.c");
    cc::Build::new()
        .file("coverage.c")
        .cargo_metadata(false)
        .compile("coverage");
    println!(
        "cargo::rustc-link-search=native={}",
        std::env::var("OUT_DIR").unwrap_or_default()
    );
    println!("cargo::rustc-link-arg-bins=-Wl,--wrap=__sanitizer_cov_trace_pc");
    println!("cargo::rustc-link-lib=static:+whole-archive=coverage");
}
