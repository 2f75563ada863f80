/* jobs_record.h - what becomes of jobs, written to the store. What a full disk does not take is kept, tried again every few
 * seconds, and shown as if it were written: nobody may wait for ever for a job that is over, or take it for done. */
#ifndef DAEMON_JOBS_RECORD_H
#define DAEMON_JOBS_RECORD_H

#include "base/base.h"
#include "ports/store.h"

typedef struct JobsRecord JobsRecord;

JobsRecord *jobs_record_new(Store *store);
/* What is not written by then is lost: the next daemon shows such a job as interrupted. */
void jobs_record_free(JobsRecord *record);
/* result: borrowed, NULL while there is none. */
void jobs_record_put(JobsRecord *record, gint64 id, const char *state, json_t *result);
/* Puts what is not written yet into a row that was read from the store. */
void jobs_record_overlay(const JobsRecord *record, StoreJob *job);

#endif
