//! What uses what.

use std::collections::{BTreeMap, BTreeSet};

/// Names and what each uses.
#[derive(Default)]
pub(super) struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Adds a name, unless it is there.
    pub(super) fn add(&mut self, name: &str) {
        self.edges.entry(name.to_owned()).or_default();
    }

    /// Notes that one uses another.
    pub(super) fn connect(&mut self, from: &str, to: &str) {
        self.add(to);
        if from != to {
            self.edges.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.edges.len()
    }

    /// What a name uses.
    pub(super) fn below(&self, name: &str) -> Vec<String> {
        self.edges.get(name).into_iter().flatten().cloned().collect()
    }

    /// All names, each after everything that uses it; those that use each other come together.
    pub(super) fn layers(&self) -> Vec<Vec<String>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.edges.keys().map(|name| (name.as_str(), self.reachable(name))).collect();
        let mut left: BTreeSet<&str> = reach.keys().copied().collect();
        let mut layers = Vec::new();
        while let Some(next) = left.iter().find(|name| {
            left.iter().all(|user| !reach[user].contains(*name) || reach[*name].contains(user))
        }) {
            let together =
                |other: &&str| reach[next].contains(other) && reach[other].contains(next);
            let group: Vec<&str> =
                left.iter().copied().filter(|other| other == next || together(other)).collect();
            left.retain(|name| !group.contains(name));
            layers.push(group.into_iter().map(str::to_owned).collect());
        }
        layers
    }

    fn reachable(&self, name: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            for next in self.edges.get(name).into_iter().flatten() {
                if found.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_after_what_uses_it() {
        let mut graph = Graph::default();
        for (from, to) in [("b", "a"), ("c", "a"), ("d", "c"), ("d", "b"), ("x", "x")] {
            graph.connect(from, to);
        }
        assert_eq!(
            graph.layers(),
            [["d"], ["b"], ["c"], ["a"], ["x"]].map(|l| l.map(String::from))
        );
        graph.connect("a", "c");
        let layers = graph.layers();
        assert!(layers.contains(&vec!["a".to_owned(), "c".to_owned()]), "{layers:?}");
    }
}
