//! Which cluster, and what runs on it.

use std::path::PathBuf;

use chia_dispatch::Resources;

/// Which cluster to use, and how to get there.
///
/// ```
/// use chia_ray::RayOptions;
/// let there = RayOptions::cluster("10.0.0.1:6379").namespace("team");
/// let here = RayOptions::auto();
/// ```
#[derive(Clone, Debug)]
pub struct RayOptions {
    pub(crate) address: String,
    pub(crate) own: Option<Resources>,
    pub(crate) namespace: String,
    pub(crate) python: PathBuf,
    pub(crate) program: Option<PathBuf>,
}

impl RayOptions {
    /// The cluster of a head node's `ip:port`, as `ray start --head` prints it.
    #[must_use]
    pub fn cluster(address: impl Into<String>) -> Self {
        let python = std::env::var_os("CHIA_RAY_PYTHON").unwrap_or_else(|| "python3".into());
        Self {
            address: address.into(),
            own: None,
            namespace: "chia".to_owned(),
            python: python.into(),
            program: None,
        }
    }

    /// The cluster that runs on this machine, or the one that `RAY_ADDRESS` names.
    #[must_use]
    pub fn auto() -> Self {
        Self::cluster("auto")
    }

    /// A cluster of one node that is started for this program and goes away with it. What is not
    /// among its resources is what Ray finds on the machine.
    #[must_use]
    pub fn private(resources: Resources) -> Self {
        Self { own: Some(resources), ..Self::cluster("local") }
    }

    /// The namespace of named actors; `chia` by default. Programs of one namespace share them. The
    /// cache is not in it: it is one for the whole cluster.
    #[must_use]
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// The Python that has `chia-ray` and Ray; by default the one that the environment variable
    /// `CHIA_RAY_PYTHON` names, else `python3`.
    #[must_use]
    pub fn python(self, python: impl Into<PathBuf>) -> Self {
        Self { python: python.into(), ..self }
    }

    /// The program that workers run, if not this one: the same source built for another platform,
    /// say.
    #[must_use]
    pub fn program(self, program: impl Into<PathBuf>) -> Self {
        Self { program: Some(program.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_cluster_has_its_own_resources_and_no_address_of_others() {
        let options = RayOptions::private(Resources::from([("adder", 2.0)]));
        assert_eq!(options.address, "local");
        assert_eq!(options.own, Some(Resources::from([("adder", 2.0)])));
    }

    #[test]
    fn what_is_set_replaces_the_default_and_nothing_else() {
        let options = RayOptions::cluster("10.0.0.1:6379").namespace("team").program("other");
        assert_eq!(options.address, "10.0.0.1:6379");
        assert_eq!(options.namespace, "team");
        assert_eq!(options.program, Some(PathBuf::from("other")));
        assert_eq!(options.own, None);
        assert_eq!(RayOptions::auto().namespace, "chia");
    }
}
