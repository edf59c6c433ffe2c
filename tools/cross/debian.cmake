# Debian's cross compiler for the processor LEVIT_CROSS, and the qemu-user that runs what it builds. Programs are linked
# statically: neither build nor tests need a C library of that processor beside the compiler's own.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LEVIT_CROSS)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
if(LEVIT_CROSS STREQUAL "aarch64")  # NEON is always there
  set(triple aarch64-linux-gnu)
elseif(LEVIT_CROSS STREQUAL "armv7")
  set(triple arm-linux-gnueabihf)
  set(emulator qemu-arm)
  set(flags -mcpu=cortex-a7 -mfpu=neon-vfpv4 -Wno-psabi)  # no word on what gcc 7 changed
elseif(LEVIT_CROSS STREQUAL "riscv64")
  set(triple riscv64-linux-gnu)
elseif(LEVIT_CROSS STREQUAL "i686")
  set(triple i686-linux-gnu)
  set(emulator qemu-i386)
  set(flags -msse2 -mfpmath=sse)  # the x87 rounds to 64 bits where the code means 53 or 24
elseif(LEVIT_CROSS STREQUAL "s390x")  # big-endian
  set(triple s390x-linux-gnu)
elseif(LEVIT_CROSS STREQUAL "cortex-m7")  # no operating system: the library alone
  set(CMAKE_SYSTEM_NAME Generic)
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
  set(triple arm-none-eabi)
  set(emulator qemu-system-arm)
  set(flags -mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard -Wno-psabi)
  # Of /usr/include nothing but Highway: the rest is for Linux.
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/highway)
  file(CREATE_LINK /usr/include/hwy ${CMAKE_BINARY_DIR}/highway/hwy SYMBOLIC)
  set(LEVIT_HIGHWAY_INCLUDE ${CMAKE_BINARY_DIR}/highway CACHE PATH "")
  set(LEVIT_EIGEN_INCLUDE /usr/include/eigen3 CACHE PATH "")
else()
  message(FATAL_ERROR "LEVIT_CROSS: no processor '${LEVIT_CROSS}' here")
endif()
if(NOT emulator)
  set(emulator qemu-${LEVIT_CROSS})
endif()
set(CMAKE_SYSTEM_PROCESSOR ${LEVIT_CROSS})
set(CMAKE_C_COMPILER ${triple}-gcc)
set(CMAKE_CXX_COMPILER ${triple}-g++)
string(JOIN " " CMAKE_C_FLAGS_INIT ${flags})
set(CMAKE_CXX_FLAGS_INIT ${CMAKE_C_FLAGS_INIT})
find_program(LEVIT_QEMU ${emulator} REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${LEVIT_QEMU})
