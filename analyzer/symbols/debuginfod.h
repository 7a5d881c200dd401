// debuginfod.h: debug information from the servers that DEBUGINFOD_URLS names, asked by build id.
//
// Nothing else in the analyzer uses a network, and this only where the user said so: who sees the build
// ids of a customer's programs knows what they run. The client library is loaded when it is first used; it
// keeps what it has fetched in its cache, ~/.cache/debuginfod_client.
#pragma once

#include <string>

namespace perfagent {

// Empty when servers can be asked, else what is missing.
std::string WhyNoDebuginfod();

// A descriptor of the debug file with this build id (raw bytes), and its path; -1 when no server has it.
// The caller closes it, and checks the file's own build id: a server is believed as little as a disk.
int FetchDebugFile(const std::string& build_id, std::string* path);

}  // namespace perfagent
