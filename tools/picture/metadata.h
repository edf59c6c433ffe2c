// What a picture file says beside its pixels: how it is to be turned, and what it says of its origin. The
// latter is shown next to a verdict and is never part of it: anyone can write it, and anyone can remove it.
#ifndef LEVIT_TOOLS_PICTURE_METADATA_H_
#define LEVIT_TOOLS_PICTURE_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace levit::tools {

struct Bytes {
  const uint8_t* data;
  size_t size;
};

struct Metadata {
  int orientation = 0;            // EXIF, 1 .. 8; 0 when nothing says
  std::vector<std::string> says;  // short sentences in the order found, none twice

  void say(const std::string& sentence);
};

// A TIFF stream of EXIF: orientation (tag 0x0112), camera, software, and what generators put into comments.
// Damage counts as absence.
void read_exif(Bytes tiff, Metadata& metadata);

// An XMP packet: IPTC's DigitalSourceType, the tool and the credit line.
void read_xmp(Bytes packet, Metadata& metadata);

// tiff:Orientation of an XMP packet, which counts where EXIF says none (Pillow, for PNG); 0 when absent.
int xmp_orientation(Bytes packet);

// Text under a key, as PNG has it (tEXt, zTXt, iTXt).
void read_text(const std::string& key, const std::string& text, Metadata& metadata);

// A comment of a JPEG, where some generators put their settings.
void read_comment(Bytes comment, Metadata& metadata);

// A box of JUMBF (ISO/IEC 19566-5) or its beginning, behind the header of JPEG's APP11 or at a chunk's start:
// says whether it is a C2PA manifest.
void read_jumbf(Bytes box, Metadata& metadata);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_METADATA_H_
