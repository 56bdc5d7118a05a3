//! Views, in an order in which they can be created.

use std::collections::{HashMap, HashSet};

use migrate_core::catalog::ObjectName;

/// A view before its query is translated.
#[derive(Debug)]
pub(crate) struct ViewDraft {
    pub(crate) name: ObjectName,
    pub(crate) columns: Vec<String>,
    pub(crate) query: String,
    /// The views and tables that it mentions.
    pub(crate) needs: HashSet<ObjectName>,
}

/// Puts every view behind those that it needs, and otherwise keeps the order.
pub(super) fn ordered(drafts: Vec<ViewDraft>) -> Vec<ViewDraft> {
    let places: HashMap<ObjectName, usize> = drafts
        .iter()
        .enumerate()
        .map(|(i, d)| (d.name.clone(), i))
        .collect();
    let needs: Vec<Vec<usize>> = drafts
        .iter()
        .enumerate()
        .map(|(own, d)| {
            let mut needed: Vec<usize> = d
                .needs
                .iter()
                .filter_map(|n| places.get(n).copied())
                .filter(|n| *n != own)
                .collect();
            needed.sort_unstable();
            needed
        })
        .collect();
    // Depth first with a stack of its own, so that a long chain of views cannot exhaust the thread's.
    let mut order = Vec::with_capacity(drafts.len());
    let mut state = vec![0_u8; drafts.len()];
    for start in 0..drafts.len() {
        let mut stack = vec![(start, 0)];
        while let Some((view, next)) = stack.pop() {
            if next == 0 {
                if state[view] != 0 {
                    continue;
                }
                state[view] = 1;
            }
            match needs[view].get(next) {
                Some(needed) => {
                    stack.push((view, next + 1));
                    stack.push((*needed, 0));
                }
                None => order.push(view),
            }
        }
    }
    let mut slots: Vec<Option<ViewDraft>> = drafts.into_iter().map(Some).collect();
    order.into_iter().filter_map(|i| slots[i].take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(name: &str, needs: &[&str]) -> ViewDraft {
        ViewDraft {
            name: ObjectName::new("dbo", name),
            columns: Vec::new(),
            query: String::new(),
            needs: needs.iter().map(|n| ObjectName::new("dbo", *n)).collect(),
        }
    }

    #[test]
    fn a_view_comes_after_what_it_needs() {
        let drafts = vec![
            draft("a", &["c", "table"]),
            draft("b", &["a", "b"]),
            draft("c", &[]),
            draft("d", &[]),
        ];
        let names: Vec<String> = ordered(drafts).into_iter().map(|d| d.name.name).collect();
        assert_eq!(names, ["c", "a", "b", "d"]);
    }

    #[test]
    fn a_circle_ends() {
        let drafts = vec![draft("a", &["b"]), draft("b", &["a"])];
        assert_eq!(ordered(drafts).len(), 2);
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let names: Vec<String> = (0..50_000).map(|i| format!("v{i}")).collect();
        let drafts = (0..50_000)
            .map(|i| {
                names
                    .get(i + 1)
                    .map_or_else(|| draft(&names[i], &[]), |n| draft(&names[i], &[n]))
            })
            .collect();
        let sorted = ordered(drafts);
        assert_eq!(sorted.len(), 50_000);
        assert_eq!(sorted[0].name.name, "v49999");
    }
}
