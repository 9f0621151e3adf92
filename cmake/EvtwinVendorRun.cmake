# SPDX-License-Identifier: MIT
# Run by evtwin_embed_vendor: npm ci into FOLDER, the files that the pages load to FOLDER/files, and the table of them. A
# build never fails for it, nor waits for more than two minutes. A source archive (`make dist`) carries these files in
# web/vendor: it is built without npm and without a network.
file(MAKE_DIRECTORY ${FOLDER})
file(REMOVE_RECURSE ${FOLDER}/files ${FOLDER}/complete)
set(problem "")
set(from ${FOLDER}/node_modules)
if(EXISTS ${WEB}/vendor/complete)
  set(from ${WEB}/vendor)
elseif(NOT IS_WANTED)
  set(problem "EVTWIN_NPM is OFF")
elseif(NOT NPM)
  set(problem "npm is not there (Debian: apt-get install npm)")
else()
  file(COPY ${WEB}/package.json ${WEB}/package-lock.json DESTINATION ${FOLDER})
  execute_process(
    COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --no-update-notifier --prefer-offline
            --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=30000
    WORKING_DIRECTORY ${FOLDER} TIMEOUT 120 RESULT_VARIABLE code OUTPUT_QUIET ERROR_VARIABLE text)
  if(NOT code STREQUAL "0")
    string(REGEX REPLACE "\n.*" "" line "${text}")
    set(problem "npm ci: ${line} (${code})")
  endif()
endif()

set(have "")
set(files "")
if(problem STREQUAL "")
  foreach(file uplot:dist/uPlot.esm.js uplot:dist/uPlot.min.css uplot:LICENSE
               three:build/three.module.min.js three:build/three.core.min.js three:LICENSE)
    string(REPLACE ":" ";" part ${file})
    list(GET part 0 package)
    list(GET part 1 path)
    get_filename_component(base ${path} NAME)
    if(from STREQUAL "${WEB}/vendor")
      set(path ${base})
    endif()
    file(COPY ${from}/${package}/${path} DESTINATION ${FOLDER}/files/${package})
    list(APPEND files ${FOLDER}/files/${package}/${base})
  endforeach()
  set(have "\"uplot\", \"three\"")
  file(WRITE ${FOLDER}/complete "")
else()
  message("Pages: no charts and no 3D view, since ${problem}.\n"
          "       Once that is put right, run cmake and build again.")
endif()
file(WRITE ${FOLDER}/files/have.js "// What this build has of npm.\nexport const have = [${have}];\n")
list(APPEND files ${FOLDER}/files/have.js)
set(BASE ${FOLDER}/files)
include(${CMAKE_CURRENT_LIST_DIR}/EvtwinEmbedRun.cmake)
