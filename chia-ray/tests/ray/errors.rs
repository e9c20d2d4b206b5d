//! What goes wrong at the start is a sentence, within seconds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chia_dispatch::conformance::Layout;
use chia_dispatch::{Chia, Error, ErrorKind, Result};
use chia_ray::{RayBackend, RayOptions};
use libtest_mimic::Trial;

use crate::fixture::{self, trial};
use crate::functions::{WHERE, registry};

const SECONDS: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("errors::a_missing_python_is_named", a_missing_python_is_named),
        trial(
            "errors::a_python_without_the_package_is_named",
            a_python_without_the_package_is_named,
        ),
        trial("errors::a_python_without_ray_is_named", a_python_without_ray_is_named),
        trial("errors::an_unsupported_ray_is_refused", an_unsupported_ray_is_refused),
        trial("errors::a_wrong_address_is_named", a_wrong_address_is_named),
        trial(
            "errors::a_port_of_something_else_is_no_cluster",
            a_port_of_something_else_is_no_cluster,
        ),
        trial("errors::a_program_for_another_platform_is_refused", a_program_for_another_platform),
        trial("errors::a_program_that_is_no_worker_is_refused", a_program_that_is_no_worker),
    ]
}

async fn refused(options: RayOptions, within: Duration) -> Error {
    let start = Instant::now();
    let error = RayBackend::connect(options).await.err().expect("connecting fails");
    let took = start.elapsed();
    assert!(took < within, "{took:?} until {error}");
    error
}

async fn a_missing_python_is_named() -> Result<()> {
    let error = refused(RayOptions::auto().python("/no/such/python"), SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("/no/such/python"), "{error}");
    Ok(())
}

/// A Python that finds only what is in a folder.
fn python_with(folder: &Path) -> PathBuf {
    let real = fixture::python().unwrap();
    let path = folder.join("python");
    let (real, modules) = (real.display(), folder.display());
    fs::write(&path, format!("#!/bin/sh\nPYTHONPATH={modules} exec {real} -S \"$@\"\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Puts our package into a folder.
fn package_into(folder: &Path) {
    let script = "import chia, os; print(os.path.dirname(chia.__file__))";
    let found = Command::new(fixture::python().unwrap()).args(["-c", script]).output().unwrap();
    let package = String::from_utf8(found.stdout).unwrap();
    std::os::unix::fs::symlink(package.trim(), folder.join("chia")).unwrap();
}

async fn a_python_without_the_package_is_named() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(RayOptions::auto().python(python_with(folder.path())), SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("No module named 'chia'"), "{error}");
    Ok(())
}

async fn a_python_without_ray_is_named() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    package_into(folder.path());
    let error = refused(RayOptions::auto().python(python_with(folder.path())), SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("Ray is not installed"), "{error}");
    Ok(())
}

async fn an_unsupported_ray_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    package_into(folder.path());
    let old = folder.path().join("ray");
    fs::create_dir(&old).unwrap();
    fs::write(old.join("__init__.py"), "__version__ = '2.53.1'\n").unwrap();
    let error = refused(RayOptions::auto().python(python_with(folder.path())), SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("Ray 2.53.1 is not supported"), "{error}");
    Ok(())
}

async fn a_wrong_address_is_named() -> Result<()> {
    for address in ["127.0.0.1:1", "nowhere", "127.0.0.1:99999"] {
        let error = refused(RayOptions::cluster(address), SECONDS).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(address), "{error}");
    }
    Ok(())
}

async fn a_port_of_something_else_is_no_cluster() -> Result<()> {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let error = refused(RayOptions::cluster(&address), SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains(&address), "{error}");
    Ok(())
}

/// Runs a task with another program on the workers.
async fn run_with(program: &Path) -> Error {
    let cluster = fixture::shared_cluster(Layout::Wide).await.unwrap();
    let options = RayOptions::cluster(cluster.address).program(program);
    let ray = RayBackend::connect(options).await.unwrap();
    let chia = Chia::builder(registry()).backend(Arc::new(ray)).start().await.unwrap();
    let call = chia.call(&WHERE, (1,)).dispatch().await.unwrap();
    let error = call.get().await.expect_err("the program cannot run this");
    chia.shutdown().await.unwrap();
    error
}

async fn a_program_for_another_platform() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    // The head of an ELF file for a machine that does not exist.
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xee\xee".to_vec();
    elf.resize(4096, 0);
    fs::write(&program, elf).unwrap();
    let error = run_with(&program).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("not made for this node"), "{error}");
    Ok(())
}

async fn a_program_that_is_no_worker() -> Result<()> {
    let error = run_with(Path::new("/bin/true")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("chia_ray::main"), "{error}");
    Ok(())
}
