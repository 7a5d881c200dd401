#include "analyzer/report/json_findings.h"

#include "absl/strings/str_cat.h"

namespace perfagent {

void WriteFindings(JsonWriter* json, const Findings& findings) {
  json->BeginArray();
  for (const Finding& finding : findings) {
    json->BeginObject();
    json->Key("kind").String(finding.kind);
    json->Key("title").String(finding.title);
    json->Key("where").BeginObject();
    json->Key("lock").String(finding.lock);
    json->Key("address").String(absl::StrCat("0x", absl::Hex(finding.address)));
    json->EndObject();
    json->Key("evidence").BeginArray();
    for (const std::string& evidence : finding.evidence) json->String(evidence);
    json->EndArray();
    json->Key("gain").String(finding.gain);
    json->Key("remedy").String(finding.remedy);
    json->Key("confidence").String(Name(finding.confidence));
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace perfagent
