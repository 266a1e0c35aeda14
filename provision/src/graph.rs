//! A graph of instances: order, reverse order and the path of a cycle.

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;
use petgraph::{Direction, algo};

/// A directed graph whose nodes are positions of a list; an edge leads from what is needed to what
/// needs it.
#[derive(Clone, Debug)]
pub struct Graph(DiGraph<(), (), u32>);

impl Graph {
    /// A graph of `count` nodes without edges.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let mut graph = DiGraph::with_capacity(count, count);
        for _ in 0..count {
            graph.add_node(());
        }
        Self(graph)
    }

    /// Says that `needed` comes before `needing`.
    pub fn add(&mut self, needed: usize, needing: usize) {
        self.0.add_edge(NodeIndex::new(needed), NodeIndex::new(needing), ());
    }

    /// The number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.node_count()
    }

    /// Whether it has no nodes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has to come before `node`.
    pub fn needs(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.0.edges_directed(NodeIndex::new(node), Direction::Incoming).map(|e| e.source().index())
    }

    /// What has to come after `node`.
    pub fn needed_by(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.0.edges_directed(NodeIndex::new(node), Direction::Outgoing).map(|e| e.target().index())
    }

    /// Every node after what it needs, by Kahn's algorithm: nodes that need nothing in list order,
    /// then each node as soon as the last of its needs is placed.
    ///
    /// # Errors
    /// A cycle, as the path of its nodes.
    pub fn order(&self) -> Result<Vec<usize>, Vec<usize>> {
        let mut missing: Vec<usize> =
            (0..self.len()).map(|node| self.needs(node).count()).collect();
        let mut order: Vec<usize> = Vec::with_capacity(self.len());
        order.extend(missing.iter().enumerate().filter(|(_, n)| **n == 0).map(|(node, _)| node));
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            next += 1;
            let mut freed = Vec::new();
            for needing in self.needed_by(node) {
                if let Some(count) = missing.get_mut(needing) {
                    *count -= 1;
                    if *count == 0 {
                        freed.push(needing);
                    }
                }
            }
            // petgraph walks the newest edge first; list order is what a reader expects.
            order.extend(freed.into_iter().rev());
        }
        if order.len() == self.len() { Ok(order) } else { Err(self.cycle()) }
    }

    /// Whether a path leads from `from` to `to`.
    #[must_use]
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        algo::has_path_connecting(&self.0, NodeIndex::new(from), NodeIndex::new(to), None)
    }

    /// The nodes of one cycle, each needing the next; the first again at the end.
    fn cycle(&self) -> Vec<usize> {
        let components = algo::tarjan_scc(&self.0);
        let cyclic = components.iter().find(|component| match component.as_slice() {
            [single] => self.0.contains_edge(*single, *single),
            _ => true,
        });
        let Some(component) = cyclic else { return Vec::new() };
        let mut inside = vec![false; self.len()];
        for node in component {
            if let Some(flag) = inside.get_mut(node.index()) {
                *flag = true;
            }
        }
        let start = component.iter().map(|node| node.index()).min().unwrap_or_default();
        self.walk(start, &inside)
    }

    /// Follows needs inside a strongly connected component until a node comes again.
    fn walk(&self, start: usize, inside: &[bool]) -> Vec<usize> {
        let mut path = vec![start];
        let mut seen = vec![None; self.len()];
        let mut node = start;
        loop {
            if let Some(place) = seen.get_mut(node) {
                *place = Some(path.len() - 1);
            }
            let next = self.needs(node).filter(|n| inside.get(*n) == Some(&true)).last();
            let Some(next) = next else { return path };
            path.push(next);
            if let Some(Some(first)) = seen.get(next) {
                return path.split_off(*first);
            }
            node = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(count: usize, edges: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::new(count);
        for (needed, needing) in edges {
            graph.add(*needed, *needing);
        }
        graph
    }

    #[test]
    fn ties_are_in_list_order_and_a_freed_node_waits_its_turn() {
        // p1, q needs p2, r needs p1, p2
        assert_eq!(graph(4, &[(3, 1), (0, 2)]).order(), Ok(vec![0, 3, 2, 1]));
    }

    #[test]
    fn several_freed_at_once_keep_list_order() {
        assert_eq!(graph(4, &[(0, 1), (0, 2), (0, 3)]).order(), Ok(vec![0, 1, 2, 3]));
    }

    #[test]
    fn a_cycle_is_a_path_without_what_hangs_on_it() {
        // 0 needs 1, 1 needs 2, 2 needs 0; 3 needs 0.
        assert_eq!(graph(4, &[(1, 0), (2, 1), (0, 2), (0, 3)]).order(), Err(vec![0, 1, 2, 0]));
        assert_eq!(graph(1, &[(0, 0)]).order(), Err(vec![0, 0]));
    }

    proptest::proptest! {
        #[test]
        fn every_acyclic_graph_has_an_order(
            edges in proptest::collection::vec((0usize..40, 0usize..40), 0..120)
        ) {
            let edges: Vec<_> = edges.into_iter().filter(|(a, b)| a < b).collect();
            let order = graph(40, &edges).order().unwrap();
            let place = |node| order.iter().position(|n| *n == node).unwrap();
            for (needed, needing) in edges {
                proptest::prop_assert!(place(needed) < place(needing));
            }
        }
    }
}
