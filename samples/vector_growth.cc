// vector_growth: push_back without reserve copies a vector again and again; reserve would not.
//
//   vector_growth [VECTORS [ELEMENTS]]
#include <vector>

#include "truth.h"

static Tally grown;
static Tally reserved;

NAMED void GrowVector(size_t elements) {
  std::vector<int> values;
  size_t capacity_bytes = 0;
  for (size_t i = 0; i < elements; ++i) {
    values.push_back(static_cast<int>(i));
    if (const size_t now = values.capacity() * sizeof(int); now != capacity_bytes) {
      if (capacity_bytes != 0) grown.Freed(capacity_bytes);
      grown.Allocated(now);
      capacity_bytes = now;
    }
  }
  Escape(values.data());
  if (capacity_bytes != 0) grown.Freed(capacity_bytes);
}

NAMED void ReserveVector(size_t elements) {
  std::vector<int> values;
  values.reserve(elements);
  if (values.capacity() != 0) reserved.Allocated(values.capacity() * sizeof(int));
  for (size_t i = 0; i < elements; ++i) values.push_back(static_cast<int>(i));
  Escape(values.data());
  if (values.capacity() != 0) reserved.Freed(values.capacity() * sizeof(int));
}

int main(int argc, char** argv) {
  const size_t vectors = Argument(argc, argv, 1, 100);
  const size_t elements = Argument(argc, argv, 2, 1000);
  for (size_t i = 0; i < vectors; ++i) {
    GrowVector(elements);
    ReserveVector(elements);
  }
  std::printf("truth");
  grown.Print("GrowVector");
  reserved.Print("ReserveVector");
  std::printf("\n");
}
