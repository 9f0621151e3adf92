# SPDX-License-Identifier: MIT
# Manual pages (by help2man, where it is there) and what completes the tools' options in bash, zsh and fish: both come from
# the option tables, by --help and --completion.
if(CMAKE_CROSSCOMPILING OR EVTWIN_SANITIZE OR EVTWIN_FUZZ)
  return()
endif()
find_program(EVTWIN_HELP2MAN NAMES help2man DOC "help2man, which makes the manual pages")
set(EVTWIN_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Where zsh looks for completion (Debian's packages: vendor-completions)")

# what `apropos` shows
set(about_train "learn remaining useful life and failure risk from labelled telemetry")
set(about_sim "simulate battery packs and publish their telemetry")
set(about_ingest "take telemetry of batteries from brokers and files into any sinks")
set(about_predict "predict remaining useful life and failure risk of batteries")
set(about_serve "serve telemetry and predictions of batteries over HTTP")

set(pages)
foreach(tool train sim ingest predict serve)
  set(name evtwin-${tool})
  foreach(shell bash:${name} zsh:_${name} fish:${name}.fish)
    string(REGEX MATCH "^(.*):(.*)$" shell ${shell})
    set(page ${CMAKE_CURRENT_BINARY_DIR}/completion/${CMAKE_MATCH_1}/${CMAKE_MATCH_2})
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/completion/${CMAKE_MATCH_1})
    add_custom_command(OUTPUT ${page} COMMAND ${name} --completion ${CMAKE_MATCH_1} > ${page}.new
      COMMAND ${CMAKE_COMMAND} -E rename ${page}.new ${page} DEPENDS ${name} COMMENT "" VERBATIM)
    list(APPEND pages ${page})
  endforeach()
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/completion/bash/${name}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/completion/zsh/_${name} DESTINATION ${EVTWIN_ZSH_DIR})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/completion/fish/${name}.fish
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

  if(EVTWIN_HELP2MAN)
    set(page ${CMAKE_CURRENT_BINARY_DIR}/man/${name}.1)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/man)
    add_custom_command(OUTPUT ${page}
      COMMAND ${EVTWIN_HELP2MAN} --no-info --section=1 --source=libevtwin --manual "libevtwin manual"
              --name=${about_${tool}} --include=${CMAKE_CURRENT_SOURCE_DIR}/see-also.h2m
              --output=${page} $<TARGET_FILE:${name}>
      DEPENDS ${name} ${CMAKE_CURRENT_SOURCE_DIR}/see-also.h2m COMMENT "" VERBATIM)
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    list(APPEND pages ${page})
  endif()
endforeach()
add_custom_target(evtwin_tool_pages ALL DEPENDS ${pages})
