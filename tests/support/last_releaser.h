// last_releaser.h: how not to say who is to blame for waits: each wait is wholly due to whoever released the lock last.
//
// That is what profilers do that only see the last waker. It is here to show that samples can tell it from the truth.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace perfagent::test {

// Nanoseconds of the kept waits for mutexes and rwlocks in a dump of full mode, by which of the functions is on the
// stack of the wait's last release; under "" those by none of them.
std::map<std::string, double> BlameLastReleaser(const std::filesystem::path& dump,
                                                const std::vector<std::string>& functions);

}  // namespace perfagent::test
