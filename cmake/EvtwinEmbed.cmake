# SPDX-License-Identifier: MIT
# evtwin_embed(NAME [BASE folder] file…): compile files into evtwin_objects as the table
#   const evtwin__embedded NAME[]; const size_t NAME_count;
# of core/embed.h, in the order given, named by their path from the folder (by their base name without one). Files are followed: a change rebuilds the table.
function(evtwin_embed name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "BASE" "")
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
  set(files)
  foreach(file ${arg_UNPARSED_ARGUMENTS})
    get_filename_component(path ${file} ABSOLUTE)
    list(APPEND files ${path})
  endforeach()
  string(REPLACE ";" "|" joined "${files}")
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUT=${out} "-DBASE=${arg_BASE}" "-DFILES=${joined}"
            -P ${PROJECT_SOURCE_DIR}/cmake/EvtwinEmbedRun.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/EvtwinEmbedRun.cmake
    COMMENT "Embedding ${name}" VERBATIM)
  evtwin_embed_made(${name} ${out})
endfunction()

# Compile a table that a rule of this folder makes.
function(evtwin_embed_made name out)
  # the rule stands in this folder, the target in another: tie them together
  add_custom_target(${name}_embed DEPENDS ${out})
  add_dependencies(evtwin_objects ${name}_embed)
  set_source_files_properties(${out} TARGET_DIRECTORY evtwin_objects PROPERTIES GENERATED TRUE)
  target_sources(evtwin_objects PRIVATE ${out})
endfunction()
