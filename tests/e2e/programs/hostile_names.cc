// hostile_names: functions, a lock and threads whose names would be markup, ends of scripts, control characters and no
// UTF-8, if anybody who shows them let them.
#include <pthread.h>
#include <unistd.h>

#include "samples/truth.h"

// Names of symbols are what the assembler is told.
NAMED void EndsScript(size_t blocks) __asm__("\"</script><img src=x onerror=window.pwned=1>\"");
NAMED void OpensComment(size_t blocks) __asm__("\"<!--<script>window.pwned=2</script>-->\"");
NAMED void Controls(size_t blocks) __asm__(
    "\"ring\x07"
    "back\x08"
    "turn\xe2\x80\xae"
    "bad\xff\xc3\"");
pthread_mutex_t mutex __asm__("\"<b onclick=alert(1)>lock\x1b\"") = PTHREAD_MUTEX_INITIALIZER;

NAMED void EndsScript(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) Escape(std::malloc(100));
  EndOfFrame();
}
NAMED void OpensComment(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) Escape(std::malloc(200));
  EndOfFrame();
}
NAMED void Controls(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) Escape(std::malloc(300));
  EndOfFrame();
}

static void* Wait(void*) {
  pthread_setname_np(pthread_self(), "</script>\x02\xff");
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  return nullptr;
}

int main() {
  EndsScript(10);
  OpensComment(20);
  Controls(30);
  pthread_mutex_lock(&mutex);
  pthread_t waiter;
  pthread_create(&waiter, nullptr, Wait, nullptr);
  usleep(20'000);
  pthread_mutex_unlock(&mutex);
  pthread_join(waiter, nullptr);
}
