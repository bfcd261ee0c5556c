import pandas as pd
import pytest

DAY = pd.Timedelta(days=1)


@pytest.fixture
def shop() -> dict[str, pd.DataFrame]:
    """A shop of all eight tables, every row good; one bad row in a table stays under 5 %."""
    n = 40
    number = [str(i) for i in range(n)]
    ordered = pd.Series(pd.date_range("2024-01-01", periods=n, freq="D", tz="UTC"))
    return {
        "products": pd.DataFrame({"product_id": number, "category": "dress", "price": 20.0}),
        "product_sizes": pd.DataFrame(
            {"product_id": number, "size_label": "M", "size_rank": 1, "chest_cm_min": 80}
        ),
        "customers": pd.DataFrame({"customer_id": number, "market": "DE", "birth_year": 1980}),
        "body_measurements": pd.DataFrame(
            {"customer_id": number, "measured_at": ordered, "height_cm": 170.0}
        ),
        "order_lines": pd.DataFrame(
            {
                "order_line_id": number,
                "order_id": number,
                "customer_id": number,
                "product_id": number,
                "size_label": "M",
                "quantity": 1,
                "unit_price": 19.9,
                "currency": "EUR",
                "ordered_at": ordered,
                "delivered_at": ordered + 3 * DAY,
            }
        ),
        "returns": pd.DataFrame(
            {
                "return_id": [f"r{i}" for i in range(30)],
                "order_line_id": number[:30],
                "requested_at": ordered[:30] + 10 * DAY,
                "reason": "too_small",
                "quantity": 1,
            }
        ),
        "fit_feedback": pd.DataFrame(
            {
                "order_line_id": number,
                "source": "survey",
                "given_at": ordered + 9 * DAY,
                "fit": "small",
            }
        ),
        "abuse_labels": pd.DataFrame(
            {
                "return_id": [f"r{i}" for i in range(25)],
                "customer_id": number[:25],
                "label": "legitimate",
                "decided_at": ordered[:25] + 20 * DAY,
                "decided_by": "investigator",
            }
        ),
    }
