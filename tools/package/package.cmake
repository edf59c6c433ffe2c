# Debian packages: `cpack --config build/release/CPackConfig.cmake` writes levit (programs, pages, completions, the model)
# and liblevit-dev (archive, headers, CMake and pkg-config files).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "LeViT maintainers <maintainers@users.noreply.github.com>" CACHE STRING "Maintainer of packages")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL programs development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME levit)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME liblevit-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PROGRAMS_DESCRIPTION "tell AI-generated pictures from photographs, and show why
A runtime for LeViT networks, written from scratch, as two programs: levit
classifies pictures, explains its verdicts by class activation maps and SHAP,
learns classes of your own and measures models; pack_weights converts trained
checkpoints of PyTorch and safetensors. The default model is included.")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "runtime for LeViT networks without heap, threads or files
A static library in C++17 behind a C99 header: inference, gradients, class
activation maps, expected gradients and training of LeViT networks in the
memory of the caller, with SIMD kernels chosen at run time.")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian_files.cmake)
set(CPACK_LEVIT_SOURCE_DIR ${PROJECT_SOURCE_DIR})
include(CPack)
