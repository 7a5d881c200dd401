// new_hooks.h: operator new and delete.
//
// They normally arrive a second time, through malloc and free, and are only passed on. An allocator that defines both
// malloc and operator new in one library (jemalloc, tcmalloc, mimalloc) answers new without calling malloc: then they
// are recorded here. Decided once, per operator, by where its next definition lives.
#pragma once

namespace perfagent::new_hooks {

// At start-up, after real::Resolve.
void Bind();

}  // namespace perfagent::new_hooks
