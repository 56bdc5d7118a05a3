//! Which object needs which.

use std::collections::{BTreeMap, BTreeSet};

use super::questions::{Alias, Edge};

/// An object by its catalog and OID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    class: String,
    oid: u32,
}

impl Node {
    fn new(class: &str, oid: u32) -> Self {
        Self {
            class: class.rsplit('.').next().unwrap_or(class).to_owned(),
            oid,
        }
    }

    /// A table, view or sequence.
    pub(super) fn class(oid: u32) -> Self {
        Self::new("pg_class", oid)
    }

    pub(super) fn type_(oid: u32) -> Self {
        Self::new("pg_type", oid)
    }

    pub(super) fn function(oid: u32) -> Self {
        Self::new("pg_proc", oid)
    }

    pub(super) fn cast(oid: u32) -> Self {
        Self::new("pg_cast", oid)
    }

    /// What is attached to a table or view.
    pub(super) fn of(kind: &str, oid: u32) -> Self {
        Self::new(
            if kind == "policy" {
                "pg_policy"
            } else {
                "pg_trigger"
            },
            oid,
        )
    }

    pub(super) fn is_class(&self) -> bool {
        self.class == "pg_class"
    }
}

/// The dependencies that the source records.
#[derive(Debug, Default)]
pub(super) struct Graph {
    needs: BTreeMap<Node, BTreeSet<Node>>,
}

impl Graph {
    pub(super) fn new(edges: &[Edge], aliases: &[Alias]) -> Self {
        let aliases: BTreeMap<Node, Node> = aliases
            .iter()
            .map(|a| (Node::new(&a.class, a.oid), Node::new(&a.stands_for, a.target)))
            .collect();
        let resolve = |class: &str, oid: u32| {
            let mut node = Node::new(class, oid);
            // An array of a relation's row type, at the worst.
            for _ in 0..4 {
                match aliases.get(&node) {
                    Some(next) => node = next.clone(),
                    None => break,
                }
            }
            node
        };
        let mut graph = Self::default();
        for edge in edges {
            let (from, to) = (
                resolve(&edge.class, edge.oid),
                resolve(&edge.needs_class, edge.needs),
            );
            if from != to {
                graph.needs.entry(from).or_default().insert(to);
            }
        }
        graph
    }

    pub(super) fn needs(&self, node: &Node) -> impl Iterator<Item = &Node> {
        self.needs.get(node).into_iter().flatten()
    }

    /// Whether something that the node needs, near or far, is as wanted.
    pub(super) fn reaches(&self, node: &Node, wanted: impl Fn(&Node) -> bool) -> bool {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Node> = self.needs(node).collect();
        while let Some(next) = open.pop() {
            if wanted(next) {
                return true;
            }
            if seen.insert(next) {
                open.extend(self.needs(next));
            }
        }
        false
    }

    /// The nodes, each after those of them that it needs; otherwise in their order.
    pub(super) fn sorted(&self, nodes: &[Node]) -> Vec<Node> {
        let wanted: BTreeSet<&Node> = nodes.iter().collect();
        let mut seen = BTreeSet::new();
        let mut out = Vec::new();
        for node in nodes {
            self.visit(node, &wanted, &mut seen, &mut out);
        }
        out
    }

    fn visit<'g>(
        &'g self,
        node: &'g Node,
        wanted: &BTreeSet<&Node>,
        seen: &mut BTreeSet<&'g Node>,
        out: &mut Vec<Node>,
    ) {
        if !seen.insert(node) {
            return;
        }
        for next in self.needs(node) {
            self.visit(next, wanted, seen, out);
        }
        if wanted.contains(node) {
            out.push(node.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_arrays_stand_for_their_elements() {
        let edge = |class: &str, oid, needs_class: &str, needs| Edge {
            class: class.to_owned(),
            oid,
            needs_class: needs_class.to_owned(),
            needs,
        };
        // Function 1 takes an array (3) of domain 2, which a function (4) checks; function 5 reads table 6.
        let edges = [
            edge("pg_proc", 1, "pg_type", 3),
            edge("pg_type", 2, "pg_proc", 4),
            edge("pg_proc", 5, "pg_catalog.pg_class", 6),
        ];
        let array = Alias {
            class: "pg_type".into(),
            oid: 3,
            stands_for: "pg_type".into(),
            target: 2,
        };
        let graph = Graph::new(&edges, &[array]);
        let nodes = [
            Node::function(1),
            Node::type_(2),
            Node::function(4),
            Node::function(5),
        ];
        let sorted = graph.sorted(&nodes);
        assert_eq!(
            sorted,
            [
                Node::function(4),
                Node::type_(2),
                Node::function(1),
                Node::function(5)
            ]
        );
        assert!(graph.reaches(&Node::function(5), Node::is_class));
        assert!(!graph.reaches(&Node::function(1), Node::is_class));
    }
}
