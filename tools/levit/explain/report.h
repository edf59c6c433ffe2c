// Where the results of `levit explain` go: names of files, numbers as JSON, and a line for people.
#ifndef LEVIT_TOOLS_LEVIT_EXPLAIN_REPORT_H_
#define LEVIT_TOOLS_LEVIT_EXPLAIN_REPORT_H_

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tools/levit/explain/sheet.h"
#include "tools/levit/verdict.h"

namespace levit::tools {

// Gives every input a name for its files: that of the input without its extension, made safe for any file
// system, cut after 160 bytes, and told apart by a number when it was given before, whatever the case of its
// letters.
class OutputNames {
 public:
  std::string name_for(const std::string& path);

 private:
  std::set<std::string> taken_;
};

// Makes the directory; throws std::runtime_error naming it when files cannot be written there.
void make_output_directory(const std::filesystem::path& directory);

// Signed maps and attributions as float32 .npy files: NAME_METHOD_LAYER.npy [grid][grid] and NAME_METHOD.npy
// [3][224][224].
void write_raw(const std::filesystem::path& directory, const std::string& name,
               const std::vector<Explanation>& explanations);

// NAME_METHOD_LAYER without extension; layers are joined by "+".
std::string map_name(const std::string& name, const Explanation& explanation);

// One line of JSON: the verdict's, and the class, the sheet and the numbers of the explanations behind it.
std::string explanation_json(const SheetContext& context, const Verdict& verdict, size_t class_index,
                             const std::vector<Explanation>& explanations, const std::string& sheet);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EXPLAIN_REPORT_H_
