# SPDX-License-Identifier: MIT
# evtwin_embed(NAME file…): compile files into evtwin_objects as the table
#   const evtwin__embedded NAME[]; const size_t NAME_count;
# of core/embed.h, in the order given. Files are followed: a change rebuilds the table.
function(evtwin_embed name)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
  set(files)
  foreach(file ${ARGN})
    get_filename_component(path ${file} ABSOLUTE)
    list(APPEND files ${path})
  endforeach()
  string(REPLACE ";" "|" joined "${files}")
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUT=${out} "-DFILES=${joined}"
            -P ${PROJECT_SOURCE_DIR}/cmake/EvtwinEmbedRun.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/EvtwinEmbedRun.cmake
    COMMENT "Embedding ${name}" VERBATIM)

  # the rule stands in this folder, the target in another: tie them together
  add_custom_target(${name}_embed DEPENDS ${out})
  add_dependencies(evtwin_objects ${name}_embed)
  set_source_files_properties(${out} TARGET_DIRECTORY evtwin_objects PROPERTIES GENERATED TRUE)
  target_sources(evtwin_objects PRIVATE ${out})
endfunction()
