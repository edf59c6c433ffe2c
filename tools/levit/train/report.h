// What training says of itself: lines, JSON, the note in the weight file, and a page with its curves.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_REPORT_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "tools/common/model_file.h"
#include "tools/levit/train/options.h"
#include "tools/levit/train/state.h"

namespace levit::tools {

// "0.000123".
std::string short_number(double value);

// "ai 100, real 200".
std::string classes_text(const TrainState& state, const Split& split);

// "adamw, rate 0.0002, 2 epochs, ..."
std::string settings_text(const TrainArguments& arguments, const TrainPlace& place);

// "3972 pictures, accuracy 91.20 % (90.28 to 92.04), loss 0.2210"; "none".
std::string held_out_text(const EpochRecord& record);

std::string epoch_line(size_t epoch, const EpochRecord& record);
nlohmann::ordered_json epoch_json(size_t epoch, const EpochRecord& record);  // epoch 0: before the first one

// What stands in a weight file that is written behind the last epoch: it depends on nothing that differs
// between two runs of the same bits.
std::string run_note(const TrainArguments& arguments, const ModelFile& base, const Split& split,
                     const TrainState& state);

// One HTML file that needs nothing beside it and no script.
std::string training_report(const TrainArguments& arguments, const ModelFile& base, const Split& split,
                            const TrainState& state);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_REPORT_H_
