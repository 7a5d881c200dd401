// own_environment: like bash, a program with a getenv, setenv, unsetenv and putenv of its own. These know no variable, and
// count who asks.
#include <cstdio>
#include <cstdlib>

static int asked;

extern "C" {
char* getenv(const char*) noexcept {
  ++asked;
  return nullptr;
}
char* secure_getenv(const char*) noexcept {
  ++asked;
  return nullptr;
}
int setenv(const char*, const char*, int) noexcept { return ++asked; }
int unsetenv(const char*) noexcept { return ++asked; }
int putenv(char*) noexcept { return ++asked; }
}

int main() {
  std::free(std::malloc(100));
  std::printf("asked %d times\n", asked);
}
