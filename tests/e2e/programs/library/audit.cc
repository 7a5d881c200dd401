// audit: for LD_AUDIT. Allocates and locks in every call, and takes part in every binding, dlsym's too.
#include <link.h>

#include "tests/e2e/programs/guest.h"

static unsigned long objects, bindings;

extern "C" {

__attribute__((visibility("default"))) unsigned la_version(unsigned) {
  AllocateAndLock(64);
  return LAV_CURRENT;
}

__attribute__((visibility("default"))) unsigned la_objopen(link_map*, Lmid_t, uintptr_t*) {
  AllocateAndLock(128);
  ++objects;
  return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

__attribute__((visibility("default"))) uintptr_t la_symbind64(ElfW(Sym) * symbol, unsigned,
                                                              uintptr_t*, uintptr_t*, unsigned*,
                                                              const char*) {
  AllocateAndLock(256);
  ++bindings;
  return symbol->st_value;
}

}  // extern "C"
