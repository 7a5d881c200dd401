// one_reserve: three functions that allocate, and one line that saves one of them most of it. It is built twice: as it is,
// and as one_reserve_before without that line, so that every line below it has another number.
//
//   one_reserve [ROUNDS [ORDERS]]
#include <set>
#include <string>
#include <vector>

#include "truth.h"

// Without ids.reserve(orders) the vector would be copied each time it doubles.
NAMED void ReadOrders(size_t orders) {
  std::vector<size_t> ids;
  ids.reserve(orders);
  for (size_t i = 0; i < orders; ++i) ids.push_back(i);
  Escape(ids.data());
}

NAMED void IndexOrders(size_t orders) {
  std::set<size_t> index;
  for (size_t i = 0; i < orders / 8; ++i) index.insert(i * 2654435761u);
  Escape(&index);
}

NAMED void NameOrders(size_t orders) {
  std::vector<std::string> names;
  for (size_t i = 0; i < orders / 16; ++i) names.emplace_back(100, 'x');
  Escape(names.data());
}

// Of what ReadOrders asks for: a vector of this library doubles.
static size_t GrowthSteps(size_t elements) {
  size_t steps = 0;
  for (size_t capacity = 0; capacity < elements; capacity = capacity == 0 ? 1 : capacity * 2)
    ++steps;
  return steps;
}

int main(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 1, 200);
  const size_t orders = Argument(argc, argv, 2, 1000);
  for (size_t i = 0; i < rounds; ++i) {
    ReadOrders(orders);
    IndexOrders(orders);
    NameOrders(orders);
  }
  std::printf("truth grown=%zu reserved=%zu\n", rounds * GrowthSteps(orders), rounds);
}
