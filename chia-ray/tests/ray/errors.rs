//! What goes wrong at the start is a sentence, within seconds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chia_conformance::Layout;
use chia_loop::{Backend, Chia, Error, ErrorKind, Result};
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
        trial(
            "errors::a_machine_without_a_cluster_is_refused",
            a_machine_without_a_cluster_is_refused,
        ),
        trial("errors::auto_takes_the_cluster_of_the_environment", auto_takes_the_environments),
        trial("errors::another_ray_than_the_clusters_is_refused", another_ray_than_the_clusters),
        trial("errors::a_package_of_another_protocol_is_refused", a_package_of_another_protocol),
        trial("errors::a_program_of_another_protocol_is_refused", a_program_of_another_protocol),
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

/// A program in a folder.
fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// A Python that finds only what is in a folder.
fn python_with(folder: &Path) -> PathBuf {
    let (real, modules) = (fixture::python().unwrap(), folder.display());
    let text = format!("#!/bin/sh\nPYTHONPATH={modules} exec {} -S \"$@\"\n", real.display());
    script(folder, "python", &text)
}

/// A Python that finds what is in a folder first.
fn python_before(folder: &Path) -> PathBuf {
    let (real, modules) = (fixture::python().unwrap(), folder.display());
    let text = format!("#!/bin/sh\nPYTHONPATH={modules} exec {} \"$@\"\n", real.display());
    script(folder, "python", &text)
}

/// Where our package is.
fn package() -> PathBuf {
    let script = "import chia_ray, os; print(os.path.dirname(chia_ray.__file__))";
    let found = Command::new(fixture::python().unwrap()).args(["-c", script]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().into()
}

/// Puts our package into a folder.
fn package_into(folder: &Path) {
    std::os::unix::fs::symlink(package(), folder.join("chia_ray")).unwrap();
}

async fn a_python_without_the_package_is_named() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(RayOptions::auto().python(python_with(folder.path())), SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("No module named 'chia_ray'"), "{error}");
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

/// In a namespace of processes of its own, so that no other cluster of this machine is found.
async fn a_machine_without_a_cluster_is_refused() -> Result<()> {
    let (folder, real) = (tempfile::tempdir().unwrap(), fixture::python().unwrap());
    let text = format!(
        "#!/bin/sh\nexec env -u RAY_ADDRESS RAY_TMPDIR={} unshare --mount --pid --fork \
         --kill-child --mount-proc {} \"$@\"\n",
        folder.path().display(),
        real.display(),
    );
    let python = script(folder.path(), "python", &text);
    let error = refused(RayOptions::auto().python(python), SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("there is no Ray cluster on this machine"), "{error}");
    Ok(())
}

async fn auto_takes_the_environments() -> Result<()> {
    let cluster = fixture::shared_cluster(Layout::Wide).await?;
    let (folder, real) = (tempfile::tempdir().unwrap(), fixture::python().unwrap());
    let (address, real) = (&cluster.address, real.display());
    let text = format!("#!/bin/sh\nRAY_ADDRESS={address} exec {real} \"$@\"\n");
    let python = script(folder.path(), "python", &text);
    let ray = RayBackend::connect(RayOptions::auto().python(python)).await?;
    let nodes = ray.nodes().await?;
    ray.shutdown().await?;
    assert_eq!(nodes[0].capacity.get("kit_slot"), 4.0, "{nodes:?}");
    Ok(())
}

async fn another_ray_than_the_clusters() -> Result<()> {
    let cluster = fixture::shared_cluster(Layout::Wide).await?;
    let folder = tempfile::tempdir().unwrap();
    let other = "import ray\nray.__version__ = '2.55.99'\n";
    fs::write(folder.path().join("sitecustomize.py"), other).unwrap();
    let options = RayOptions::cluster(cluster.address).python(python_before(folder.path()));
    let error = refused(options, SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let version = "import ray; print(ray.__version__)";
    let real = Command::new(fixture::python().unwrap()).args(["-c", version]).output().unwrap();
    for version in ["2.55.99", String::from_utf8(real.stdout).unwrap().trim()] {
        assert!(error.to_string().contains(version), "{version} is not in {error}");
    }
    Ok(())
}

async fn a_package_of_another_protocol() -> Result<()> {
    let cluster = fixture::shared_cluster(Layout::Wide).await?;
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(package()).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    let wire = folder.path().join("chia_ray/_wire.py");
    let ours = fs::read_to_string(&wire).unwrap();
    let (before, after) = ours.split_once("PROTOCOL: Final = ").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    fs::write(&wire, format!("{before}PROTOCOL: Final = 99\n{after}")).unwrap();
    let options = RayOptions::cluster(cluster.address).python(python_before(folder.path()));
    let error = refused(options, SECONDS).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("99"), "{error}");
    Ok(())
}

/// What a program says that was built with a later chia-dispatch.
const LATER: &str = r#"
import socket, struct, time
hello = b'{"protocol": 99, "name": "later", "capabilities": {}}'
peer = socket.socket(fileno=0)
peer.sendall(struct.pack("<IBQQ", 17 + len(hello), 1, 0, 0) + hello)
while peer.recv(1024):
    pass
"#;

async fn a_program_of_another_protocol() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("#!{}\n{LATER}", fixture::python().unwrap().display());
    let error = run_with(&script(folder.path(), "program", &text)).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.to_string().contains("speaks protocol 99"), "{error}");
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
