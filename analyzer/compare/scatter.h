// scatter.h: by how much runs differ at least, where timing decides what is counted.
//
// Independent events scatter as Poisson's: the variance of their number is the number, and that of what they add up to is
// at least sum^2 / number. That is the least to be expected of waits, which depend on timing in any program, even where a
// few runs happen to agree; and of the heap of a program with threads, or of one that was killed, of which just one run a
// side is known: which thread does what is another thing each time, however exactly it was recorded.
#pragma once

#include "analyzer/compare/figures.h"

namespace perfagent {

// `figures[metric]`, no more certain than that.
Figure WithScatter(Metric metric, const Figures& figures, bool is_one_run_of_timed);

}  // namespace perfagent
