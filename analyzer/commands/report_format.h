// report_format.h: --format.
#pragma once

namespace perfagent {

enum class ReportFormat { kText, kJson, kHtml };

}  // namespace perfagent
