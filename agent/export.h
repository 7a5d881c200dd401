// export.h: what marks a function as one of the names in exports.map.
#pragma once

#define PERFAGENT_EXPORT __attribute__((visibility("default")))
