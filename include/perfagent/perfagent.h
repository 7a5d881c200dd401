/* perfagent.h: what a program may tell the agent that watches it. C and C++.
 *
 *   #include <perfagent/perfagent.h>
 *   perfagent_mark("request loop begins");
 *
 * Nothing is to be linked: the functions are weak, and the calls below do nothing in a program that runs without the agent.
 * (A position-dependent executable, -no-pie, must be built with -fPIC or -fPIE for the weak reference to stay open.)
 *
 * Threads: any. Signals: safe to call from a handler; a mark set while its thread is inside the agent is lost, and counted.
 * errno is kept.
 */
#ifndef PERFAGENT_PERFAGENT_H_
#define PERFAGENT_PERFAGENT_H_

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a mark with the present time into the dump; reports list them. `phase` is cut after 200 bytes. */
__attribute__((weak)) void perfagent_mark(const char* phase);

/* Stops and continues recording for the whole process, as `scripts/perfagent pause` and `resume` do. Blocks that were
 * recorded before a pause still have their end recorded; what is allocated meanwhile is not seen. */
__attribute__((weak)) void perfagent_pause(void);
__attribute__((weak)) void perfagent_resume(void);

#ifdef __cplusplus
}
#endif

/* A call by name tests for the agent first; `if (perfagent_mark)` tells whether it is there. */
#define perfagent_mark(phase) ((perfagent_mark) ? (perfagent_mark)(phase) : (void)0)
#define perfagent_pause() ((perfagent_pause) ? (perfagent_pause)() : (void)0)
#define perfagent_resume() ((perfagent_resume) ? (perfagent_resume)() : (void)0)

#endif /* PERFAGENT_PERFAGENT_H_ */
