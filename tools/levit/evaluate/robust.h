// What happens to pictures on their way through the world, for `evaluate --robust`.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_ROBUST_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_ROBUST_H_

#include <string>
#include <vector>

#include "tools/picture/picture.h"

namespace levit::tools {

// "jpeg90", "jpeg70", "jpeg50" (compressed once more with that quality), "half" (half the size and back),
// "blur" (a binomial of 5 pixels, sigma 1), "crop" (the middle 80 % of each side).
const std::vector<std::string>& robust_changes();

// The picture after the change of that number.
Picture changed(const Picture& picture, size_t change);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_ROBUST_H_
