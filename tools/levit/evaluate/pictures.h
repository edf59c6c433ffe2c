// The labelled pictures that `levit evaluate` and `levit attack` work on.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_PICTURES_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_PICTURES_H_

#include <string>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/levit/evaluate/prediction.h"

namespace CLI {
class App;
}

namespace levit::tools {

// DATA, --labels-csv and --map.
void add_labelled_data(CLI::App& command, std::string& data, std::string& labels_csv,
                       std::vector<std::string>& map);

// Paths, sources and classes of the model, sorted by the paths. `map`: "label of the data=label of the
// model". Throws std::runtime_error, among others for a label that the model does not know.
std::vector<Prediction> labelled_pictures(const std::string& data, const std::string& labels_csv,
                                          const std::vector<std::string>& map, const ModelFile& model);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_PICTURES_H_
