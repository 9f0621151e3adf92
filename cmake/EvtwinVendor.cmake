# SPDX-License-Identifier: MIT
# evtwin_embed_vendor(NAME): what the pages use from npm, by web/package-lock.json, installed into the build folder when it
# is built, and embedded like evtwin_embed does it. Without npm or its registry the table has only have.js, which says so to
# the pages; the next run of CMake tries again.
function(evtwin_embed_vendor name)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
  set(folder ${PROJECT_BINARY_DIR}/vendor)
  find_program(EVTWIN_NPM_PROGRAM npm DOC "npm, which installs what the pages use")
  if(NOT EVTWIN_NPM OR EXISTS ${PROJECT_SOURCE_DIR}/web/vendor/complete)
    set(npm "")
  else()
    set(npm "${EVTWIN_NPM_PROGRAM}")
  endif()
  if(NOT EXISTS ${folder}/complete) # made without it: try again
    file(REMOVE ${out})
  endif()
  set(rule ${PROJECT_SOURCE_DIR}/cmake/EvtwinVendorRun.cmake)
  set(wanted ${PROJECT_SOURCE_DIR}/web/package.json ${PROJECT_SOURCE_DIR}/web/package-lock.json)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUT=${out} -DFOLDER=${folder} "-DNPM=${npm}" -DIS_WANTED=${EVTWIN_NPM}
            -DWEB=${PROJECT_SOURCE_DIR}/web -P ${rule}
    DEPENDS ${wanted} ${rule} ${PROJECT_SOURCE_DIR}/cmake/EvtwinEmbedRun.cmake
    COMMENT "Embedding what the pages use from npm" VERBATIM)
  evtwin_embed_made(${name} ${out})
  foreach(package uplot three)
    install(FILES ${folder}/files/${package}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}
            RENAME LICENSE.${package} OPTIONAL)
  endforeach()
endfunction()
