"""Tenure in Airflow 3: score and monitor every night, train when that says so; tune, train and score every month."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

COMMON = {
    "start_date": datetime(2025, 1, 1),
    "catchup": False,
    "max_active_runs": 1,
    "default_args": {
        "cwd": "/srv/tenure",
        "env": {"TENURE_HOME": "/srv/tenure/home", "PATH": "/srv/tenure/venv/bin:/usr/bin:/bin"},
        "append_env": True,
        "retries": 2,
        "retry_delay": timedelta(minutes=20),
        "execution_timeout": timedelta(hours=3),
    },
}
# The day that a run stands for, so that clearing an old run scores its day again and not today.
DAY = "{{ (dag_run.data_interval_end or dag_run.run_after) | ds }}"
SCORE = f"tenure score company --as-of {DAY} --no-wait --json"
TRAIN = "tenure train company --no-wait --json"

with DAG("tenure_nightly", schedule="20 3 * * *", **COMMON):
    # Exit code 75, somebody else is scoring, fails this try; the next one comes in 20 minutes.
    score = BashOperator(task_id="score", bash_command=SCORE)
    # 3 is an answer and no failure; the last line becomes what the next task is given.
    monitor = BashOperator(
        task_id="monitor",
        bash_command=f"tenure monitor company --as-of {DAY} --json; "
        "code=$?; echo $code; [ $code -eq 0 ] || [ $code -eq 3 ]",
    )

    @task.short_circuit
    def retrain(code: str) -> bool:
        return code == "3"

    train = BashOperator(task_id="train", bash_command=TRAIN, skip_on_exit_code=75)
    score_again = BashOperator(task_id="score_again", bash_command=SCORE)
    score >> monitor
    retrain(monitor.output) >> train >> score_again

with DAG("tenure_monthly", schedule="20 5 1 * *", **COMMON):
    tune = BashOperator(
        task_id="tune", bash_command="tenure tune company --minutes 60 --no-wait --json", skip_on_exit_code=75
    )
    # Also where tuning was skipped or failed: the best recipe found so far, or the default one, will do.
    train = BashOperator(task_id="train", bash_command=TRAIN, skip_on_exit_code=75, trigger_rule="all_done")
    score = BashOperator(task_id="score", bash_command=SCORE)
    tune >> train >> score
