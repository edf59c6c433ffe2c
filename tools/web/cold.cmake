# The browser build has it included by project(): what is not a kernel is compiled for size, a quarter of the module, and no
# pass takes longer.
function(levit_compile_for_size)
  file(GLOB cold runtime/*.cc weights/*.cc)
  set_property(SOURCE ${cold} TARGET_DIRECTORY levit APPEND PROPERTY COMPILE_OPTIONS -Os)
endfunction()
cmake_language(DEFER CALL levit_compile_for_size)
