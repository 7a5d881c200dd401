// caller: has a RUNPATH, by which it finds libhidden.so; nobody else can.
#include <dlfcn.h>

extern "C" void* CallerLoadsHidden() { return dlopen("libhidden.so", RTLD_NOW | RTLD_LOCAL); }
