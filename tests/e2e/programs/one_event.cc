// one_event: as good as nothing happens.
#include "samples/truth.h"

int main() { Escape(std::malloc(10)); }
