// The network simplex of the library LEMON. (simplex_none.cpp: without it.)
#define LEMON_ONLY_TEMPLATES  // its headers are enough
#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include <algorithm>
#include <cmath>

#include "flows/matching/assignment.h"
#include "tensor/error.h"

namespace gradflow {
namespace {

using Cost = long long;
using Graph = lemon::SmartDigraph;

}  // namespace

// One unit flows out of each row and into each column, along arcs of these costs.
std::optional<Assignment> assign_by_simplex(std::span<const double> costs, Index n) {
  check_costs(costs, n);
  if (n == 0) return Assignment{};
  const auto [low, high] = std::minmax_element(costs.begin(), costs.end());
  const double unit = *high > *low ? std::ldexp(*high - *low, -40) : 1;

  Graph graph;
  const auto N = static_cast<int>(n);
  graph.reserveNode(2 * N);
  graph.reserveArc(N * N);
  for (int k = 0; k < 2 * N; ++k) graph.addNode();
  Graph::ArcMap<Cost> cost(graph);
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j)
      cost[graph.addArc(graph.nodeFromId(i), graph.nodeFromId(N + j))] =
          std::llround((costs[static_cast<std::size_t>(i) * static_cast<std::size_t>(N) +
                              static_cast<std::size_t>(j)] -
                        *low) /
                       unit);
  Graph::NodeMap<Cost> supply(graph);
  for (int k = 0; k < 2 * N; ++k) supply[graph.nodeFromId(k)] = k < N ? 1 : -1;
  lemon::NetworkSimplex<Graph, Cost, Cost> simplex(graph);
  simplex.costMap(cost).supplyMap(supply).run();

  Assignment best{std::vector<Index>(costs.size() / static_cast<std::size_t>(n)), {}, {}, 0};
  for (int i = 0; i < N; ++i) {
    best.u.push_back(*low - unit * static_cast<double>(simplex.potential(graph.nodeFromId(i))));
    best.v.push_back(unit * static_cast<double>(simplex.potential(graph.nodeFromId(N + i))));
  }
  for (Graph::ArcIt arc(graph); arc != lemon::INVALID; ++arc)
    if (simplex.flow(arc) > 0) {
      const Index i = graph.id(graph.source(arc)), j = graph.id(graph.target(arc)) - N;
      best.column[static_cast<std::size_t>(i)] = j;
      best.cost += costs[static_cast<std::size_t>(i * n + j)];
    }
  return best;
}

}  // namespace gradflow
