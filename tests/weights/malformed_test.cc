// Each line: what is wrong with a sound file, and the exact status that says so. FORMAT.md tells where the
// bytes lie.
#include <doctest/doctest.h>

#include "tests/weights/models.h"
#include "tests/weights/mutation.h"

using namespace levit;

namespace {

struct Case {
  const char* mutation;
  levit_status status;
};

template <size_t kCount>
void check_all(const Case (&cases)[kCount]) {
  const tests::Bytes sound = tests::smallest_f16();
  REQUIRE(tests::status_of(sound) == LEVIT_OK);
  for (const Case& c : cases) {
    const std::string mutation = c.mutation;
    CAPTURE(mutation);
    CHECK(tests::status_of(tests::mutate(sound, mutation)) == c.status);
  }
}

}  // namespace

TEST_CASE("what is no weight file of this version is refused before its checksum is asked for") {
  check_all({
      {"@0000=88", LEVIT_MAGIC},
      {"@0007=0D", LEVIT_MAGIC},
      {"@0000=50 #3", LEVIT_MAGIC},
      {"@0008=0000", LEVIT_VERSION},
      {"@0008=0200", LEVIT_VERSION},
      {"@0008=0001", LEVIT_VERSION},
      {"@000C=02000000", LEVIT_FLAGS},
      {"@000C=06000000", LEVIT_FLAGS},  // an fp32 head of fp32 panels
      {"@000C=03000000", LEVIT_CHECKSUM},
      {"@000C=10000000", LEVIT_CHECKSUM},
      {"@000C=11000000", LEVIT_FLAGS},
      {"@000C=01000080", LEVIT_FLAGS},
      {"#0", LEVIT_TRUNCATED},
      {"#7", LEVIT_TRUNCATED},
      {"#191", LEVIT_TRUNCATED},
      {"#192", LEVIT_TRUNCATED},
      {"#15935", LEVIT_TRUNCATED},
      {"#15937", LEVIT_TRAILING},
      {"#16000", LEVIT_TRAILING},
  });
}

TEST_CASE("a newer minor version and flags that may be ignored are read") {
  check_all({
      {"@000A=0100 !checksum", LEVIT_OK},
      {"@000A=FFFF !checksum", LEVIT_OK},
      {"@000A=0100 @0090=01 @00BF=FF !checksum", LEVIT_OK},
      {"@0010=FFFFFFFF !checksum", LEVIT_OK},
      {"@0090=01 !checksum", LEVIT_PADDING},
      {"@00BF=01 !checksum", LEVIT_PADDING},
  });
}

TEST_CASE("sizes that contradict each other") {
  check_all({
      {"#192 !size !checksum", LEVIT_HEADER},
      {"#2175 !size !checksum", LEVIT_HEADER},
      {"#2176 !size !checksum", LEVIT_TENSOR},
      {"#15872 !size !checksum", LEVIT_TENSOR},
      {"#15935 !size !checksum", LEVIT_TENSOR},
      {"#15937 !size !checksum", LEVIT_TENSOR},
      {"#16000 !size !checksum", LEVIT_TENSOR},
      {"@0014=00000000 !checksum", LEVIT_HEADER},
      {"@0014=C0080000 !checksum", LEVIT_HEADER},  // one block more than the parts take
      {"@0014=FFFFFFFF @008C=FFFFFFFF !checksum", LEVIT_HEADER},
      {"@0088=00000008 !checksum", LEVIT_HEADER},  // 2^27 entries of 32 bytes are 2^32
      {"@0088=FFFFFFFF @008C=FFFFFFFF !checksum", LEVIT_HEADER},
      {"@0088=3A000000 @008C=4E000000 !checksum", LEVIT_TENSOR},  // an entry less, its bytes are strings
      {"@0088=3C000000 @008C=0E000000 !checksum", LEVIT_TENSOR},  // an entry more
  });
}

TEST_CASE("networks that cannot run") {
  check_all({
      {"@0028=00000000 !checksum", LEVIT_CONFIG},                 // no class
      {"@0028=01000100 !checksum", LEVIT_CONFIG},                 // 65537 classes
      {"@000C=05000000 !checksum", LEVIT_CONFIG},                 // one logit, of two classes
      {"@000C=09000000 !checksum", LEVIT_CONFIG},                 // no classifier, of two classes
      {"@002C=00010000 !checksum", LEVIT_CONFIG},                 // pictures of 256
      {"@0030=0C000000 !checksum", LEVIT_CONFIG},                 // 12 channels
      {"@0030=08080000 !checksum", LEVIT_CONFIG},                 // 2056 channels
      {"@003C=41000000 !checksum", LEVIT_CONFIG},                 // 65 heads
      {"@0054=00000000 !checksum", LEVIT_CONFIG},                 // key 0 divides nothing
      {"@0054=10000000 !checksum", LEVIT_CONFIG},                 // key 16 does not divide 8 channels
      {"@0030=00080000 @0054=01000000 !checksum", LEVIT_CONFIG},  // 2048 heads in a downsampling
      {"@0064=01000000 !checksum", LEVIT_CONFIG},                 // another activation
      {"@0068=03000000 !checksum", LEVIT_CONFIG},                 // another way to resize
      {"@0078=00000000 !checksum", LEVIT_CONFIG},                 // a standard deviation of 0
      {"@0078=0000C07F !checksum", LEVIT_CONFIG},                 // and of NaN
      {"@006C=0000807F !checksum", LEVIT_CONFIG},                 // an infinite mean
      {"@0084=00000080 !checksum", LEVIT_CONFIG},                 // a temperature of -0
  });
}

TEST_CASE("tables of tensors that do not follow from the network") {
  check_all({
      {"@000C=00000000 !checksum", LEVIT_TENSOR},          // fp32 by its flags, fp16 by its table
      {"@000C=10000000 !checksum", LEVIT_TENSOR},          // int8 by its flags
      {"@00C3=00 !checksum", LEVIT_TENSOR},                // the other way round for one tensor
      {"@0028=03000000 !checksum", LEVIT_TENSOR},          // a class more than the head has outputs
      {"@0110=8008000000000000 !checksum", LEVIT_TENSOR},  // at the place of the first tensor
      {"@0110=B008000000000000 !checksum", LEVIT_TENSOR},  // inside the first tensor
      {"@0110=0000000000000000 !checksum", LEVIT_TENSOR},  // in the header
      {"@0110=410C000000000000 !checksum", LEVIT_TENSOR},  // not on 64 bytes
      {"@0110=403E000000000000 !checksum", LEVIT_TENSOR},  // behind the end
      {"@0110=F0FFFFFFFFFFFFFF !checksum", LEVIT_TENSOR},  // offset + bytes is beyond 2^64
      {"@0118=FFFFFFFFFFFFFFFF !checksum", LEVIT_TENSOR},
      {"@00C8=FFFFFFFFFFFFFFFF !checksum", LEVIT_TENSOR},  // 2^32 - 1 rows and columns
      {"@00C8=0000008000000080 !checksum", LEVIT_TENSOR},  // rows x columns x 4 is 2^64
      {"@00C8=00000000 !checksum", LEVIT_TENSOR},          // no rows
      {"@0100<00C0 !checksum", LEVIT_TENSOR},              // an entry twice
      {"@07E0<0800 !checksum", LEVIT_TENSOR},
      {"@00C1=09 !checksum", LEVIT_TENSOR},  // a part that there is not
      // The largest network that is valid, in a file of 16 KB.
      {"@0028=00000100 @0030=000800000008000000080000 @003C=400000004000000040000000 "
       "@0048=200000002000000020000000 @0054=80000000080000000800000008000000 !checksum",
       LEVIT_TENSOR},
  });
}

TEST_CASE("strings that are not text") {
  check_all({
      {"@0826=41 !checksum", LEVIT_STRINGS},  // the name runs into the note
      {"@0846=41 !checksum", LEVIT_STRINGS},  // one label runs into the other
      {"@084D=41 !checksum", LEVIT_STRINGS},  // the last label has no end
      {"@084C=00 !checksum", LEVIT_STRINGS},  // an end inside the last character
      {"@083C=00 !checksum", LEVIT_STRINGS},  // an empty label, and one too many
      {"@0847=0000 !checksum", LEVIT_STRINGS},
      {"@083D=FF !checksum", LEVIT_STRINGS},  // no first byte of UTF-8
      {"@083E=6E !checksum", LEVIT_STRINGS},  // a second byte that is none
      {"@083C=0A !checksum", LEVIT_STRINGS},  // a newline in a label
      {"@0820=1B !checksum", LEVIT_STRINGS},  // an escape in the name
      {"@0830=07 !checksum", LEVIT_STRINGS},  // a bell in the note
      {"@0830=09 !checksum", LEVIT_OK},       // a tab there
      {"@084E=01 !checksum", LEVIT_PADDING},  // bytes behind the strings
      {"@087F=01 !checksum", LEVIT_PADDING},
      {"@008C=2F000000 !checksum", LEVIT_STRINGS},  // a byte more than the strings
      {"@008C=2D000000 !checksum", LEVIT_STRINGS},  // a byte less
  });
}

TEST_CASE("numbers that are not finite, and padding that is not zero") {
  check_all({
      {"@0880=FF7B !checksum", LEVIT_OK},     // 65504
      {"@0880=0100 !checksum", LEVIT_OK},     // a subnormal
      {"@0880=007C !checksum", LEVIT_VALUE},  // infinity
      {"@0880=00FC !checksum", LEVIT_VALUE},
      {"@0880=01FE !checksum", LEVIT_VALUE},   // NaN
      {"@0C00=FFFF7F7F !checksum", LEVIT_OK},  // the largest fp32, in a bias
      {"@0C00=0000807F !checksum", LEVIT_VALUE},
      {"@0C00=010080FF !checksum", LEVIT_VALUE},
      {"@1780=0000C07F !checksum", LEVIT_VALUE},  // in a table of attention biases
      {"@3E04=000080FF !checksum", LEVIT_VALUE},  // in the last bias
      {"@0882=0100 !checksum", LEVIT_PADDING},    // the first lane without an output
      {"@0882=0080 !checksum", LEVIT_PADDING},    // the same, minus zero
      {"@0BDE=0100 !checksum", LEVIT_PADDING},    // the last lane of the panel
      {"@0BE0=01 !checksum", LEVIT_PADDING},      // behind the panel
      {"@0BFF=01 !checksum", LEVIT_PADDING},
      {"@0C04=01 !checksum", LEVIT_PADDING},  // in a bias
      {"@1A90=01 !checksum", LEVIT_PADDING},  // behind a table of attention biases
      {"@3E3F=01 !checksum", LEVIT_PADDING},  // the last byte of the file
  });
}

TEST_CASE("without a repaired checksum all of that is damage") {
  check_all({
      {"@0014=00000000", LEVIT_CHECKSUM},
      {"@0028=00000000", LEVIT_CHECKSUM},
      {"@0090=01", LEVIT_CHECKSUM},
      {"@00C3=00", LEVIT_CHECKSUM},
      {"@083D=FF", LEVIT_CHECKSUM},
      {"@0880=007C", LEVIT_CHECKSUM},
      {"@3E3F=01", LEVIT_CHECKSUM},
  });
}
